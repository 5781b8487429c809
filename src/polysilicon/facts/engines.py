"""What serving engines are set to unless told otherwise: how much one pass takes on, and what it reads first."""

from msgspec import structs

from polysilicon.facts.record import Count, Quantity, Record


class ServingEngine(Record, frozen=True, kw_only=True):
    """The defaults of one engine. `batched_tokens` is what a pass reads of prompts at most, `sequences` how many
    decode together at most; both are of one attention rank.

    `small_batched_tokens` and `small_sequences` hold on chips with less memory than `small_below_gib` and on the
    `small_chips` whatever their memory; `large_batched_tokens` from `large_from_gib` on. `prompts_first` says that
    waiting prompts are read in passes of their own before anybody decodes on; else they ride along.
    `cache_as_weights` says that keys and values are kept as narrow as the checkpoint's quantisation has them; else they
    are kept in the model's own 16 bits, however narrow the weights.
    """

    name: str
    batched_tokens: Count
    sequences: Count
    small_batched_tokens: Count | None = None
    small_sequences: Count | None = None
    small_below_gib: Quantity | None = None
    small_chips: tuple[str, ...] = ()
    large_batched_tokens: Count | None = None
    large_from_gib: Quantity | None = None
    prompts_first: bool = False
    cache_as_weights: bool = False

    def chunked(self, tokens: int) -> "ServingEngine":
        """The engine told to read so many tokens of prompts in a pass, whatever the chip."""
        return structs.replace(self, batched_tokens=tokens, small_batched_tokens=tokens, large_batched_tokens=tokens)

    def takes(self, chip: str, memory_gib: float) -> tuple[float, float]:
        """Tokens and sequences of a pass on a chip with so much memory."""
        tokens, sequences = self.batched_tokens, self.sequences
        if chip in self.small_chips or (self.small_below_gib is not None and memory_gib < self.small_below_gib):
            tokens, sequences = self.small_batched_tokens or tokens, self.small_sequences or sequences
        elif self.large_from_gib is not None and memory_gib >= self.large_from_gib:
            tokens = self.large_batched_tokens or tokens
        return float(tokens), float(sequences)
