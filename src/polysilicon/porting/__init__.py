"""What ties code to one vendor: find it, size it, rewrite what is safe, prove the numbers.

Architecture in one paragraph: `rewriting` turns code that names CUDA into code that asks PyTorch which accelerator
there is, as a diff, and only where users of CUDA and of CPUs see no change. It reads the names and their twins from
the catalogue; this room imports facts alone, and nothing here runs the code that it reads.
"""
