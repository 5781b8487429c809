"""Code that names CUDA, rewritten so that it asks PyTorch which accelerator there is.

Architecture in one paragraph: `tree` walks the files and gathers what holds for all of them (which names a test
replaces, whether TorchScript is used); `source` reads one file, and says why it can't; `bindings` says what a name in
it means and `context` under which conditions a line runs; `asking` finds the calls of torch.cuda, `devices` the texts
that name a device, `plugin` where a vendor's module is missing, and `finding` joins them into sites, each with its
grade: S the same for users of CUDA and of CPUs, R offered for review, M by hand. `closure` lowers what is safe only in
company. `names` holds the catalogue's names against one release of PyTorch, read from the installed one by
`installed`. `codemod` changes the chosen sites through libcst, with a constant of `device_file` where a project names
its device often; `one_file` does all of this for one file and proves the result (it compiles, and a second run finds
nothing); `rewrite` does it for a tree on all cores. `patches` makes diffs byte by byte, and `writing` puts them in
place with the undo patch first. Nothing here runs the code that it reads.
"""

from polysilicon.porting.rewriting.names import Names, names
from polysilicon.porting.rewriting.one_file import Choice
from polysilicon.porting.rewriting.rewrite import Rewritten, rewrite

__all__ = ["Choice", "Names", "Rewritten", "names", "rewrite"]
