"""Porting: what ties code to one vendor, and the proof that numbers survive a port.

Architecture in one paragraph: `verifying` runs a user's PyTorch module on every runtime of the machine and holds each
answer against the measured noise floor, operator by operator where one is wrong. Nothing here is imported by another
command, and only `verifying` needs PyTorch or a compiler, and only once it is asked to verify.
"""
