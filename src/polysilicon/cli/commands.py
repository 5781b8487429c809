"""Every command: its function, one line on what it answers, and a worked example."""

import textwrap
from dataclasses import dataclass

ABOUT = """Plans AI compute across chip vendors and regions: speed, cost, carbon, export law and resilience, \
with every figure traced to a dated source."""


@dataclass(frozen=True)
class Command:
    """One command. `example` runs as it stands; `shows` says what comes of it."""

    name: str
    function: str
    summary: str
    example: str
    shows: str
    group: str = ""

    @property
    def words(self) -> str:
        """How it is called: `estimate train`."""
        return f"{self.group} {self.name}".strip()

    @property
    def example_text(self) -> str:
        """The example as its help prints it: lines of a shell, none wider than a screen."""
        lines = textwrap.wrap(f"polysilicon {self.example}", 72, break_on_hyphens=False, break_long_words=False)
        return "Example:\n\n  " + " \\\n    ".join(lines) + f"\n\n  {self.shows}\n"


GROUPS = {
    "estimate": "How fast does a model train or serve on a given cluster, with a given parallelism?",
    "search": "Which parallelism is fastest? Every layout that fits in memory is tried.",
    "facts": "The catalogue: what is known, from which source, and how far it can be trusted.",
    "rules": "The law as dated records: what is on record, what changed, what held when, and your own rules.",
    "port": "What ties code to one vendor: find it, size it, rewrite it, prove the numbers.",
    "validate": "Measured or decided cases against our answers: the error of each row, and the median.",
}

COMMANDS: tuple[Command, ...] = (
    Command(
        "init",
        "polysilicon.cli.start:init",
        "Write a small scenario to start from.",
        "init my-plan",
        "Writes my-plan/scenario.yaml. Next: polysilicon plan my-plan/scenario.yaml",
    ),
    Command(
        "plan",
        "polysilicon.cli.plan:plan",
        "Which accelerators, how many, where, when and on which contract.",
        "plan my-plan/scenario.yaml --out plan-out",
        "Prints a summary, and writes plan-out/plan.json and plan-out/report.html.",
    ),
    Command(
        "explain",
        "polysilicon.cli.plan:explain",
        "Walk a figure of a plan back to formulas and sourced records.",
        "explain plan-out/plan.json cost_musd",
        "Prints the tree of terms, formulas (with citations) and records behind the figure.",
    ),
    Command(
        "judge",
        "polysilicon.cli.judge:judge",
        "Is this part lawful to send there, on that day, and by which text?",
        "judge nvidia-h20-96gb --to CN --on 2025-06-01",
        "Prints the item class, what follows from it, the margin to each threshold and the citations.",
    ),
    Command(
        "trust",
        "polysilicon.cli.trust:trust",
        "What is documented of a chip's secure boot, attestation, isolation and certificates?",
        "trust nvidia-h200-sxm-141gb huawei-ascend-910c",
        "Prints each feature's standing with its source; --require makes a profile of them.",
    ),
    Command(
        "watch",
        "polysilicon.cli.watch:watch",
        "What is new in advisories, rules and lists, and what of yours does it touch?",
        "watch plan-out/plan.json --feeds catalogue --state watch.sqlite",
        "Prints what is new since last time; exit code 1 where something needs attention.",
    ),
    Command(
        "measure",
        "polysilicon.cli.measure:measure",
        "Calibrate your own chip: minutes of timings through PyTorch, one facts file.",
        "measure --device cpu --out our-cpu.yaml",
        "Writes our-cpu.yaml for --facts. Next: polysilicon measure --check our-cpu.yaml",
    ),
    Command(
        "train",
        "polysilicon.cli.train:estimate",
        "Time, memory and utilisation of one training step, or of a whole run.",
        "estimate train llama-3.1-70b --chip nvidia-h100-sxm-80gb --chips 512 --tp 8 --pp 4 --global-batch 1024",
        "Prints the step time with its 90 % interval, where the time goes, and memory by kind.",
        "estimate",
    ),
    Command(
        "pools",
        "polysilicon.cli.pools:estimate",
        "One training job over unequal pools of chips: what mixing them gains or loses.",
        "estimate pools llama-3.1-70b --pool nvidia-h20-96gb:64 --pool huawei-ascend-910c:64 --global-batch 512 "
        "--link-gbs 25 --link-ms 20",
        "Prints the best split by layers and by data, and each pool alone.",
        "estimate",
    ),
    Command(
        "serve",
        "polysilicon.cli.serve:estimate",
        "Latency and throughput of a serving deployment: tokens, or queries within a tail.",
        "estimate serve llama-3.1-70b --chip nvidia-h100-sxm-80gb --tp 8 --concurrency 32 --input 1024 --output 256",
        "Prints TTFT, TPOT and tokens/s a chip with 90 % intervals; of other models, queries/s.",
        "estimate",
    ),
    Command(
        "train",
        "polysilicon.cli.train_search:search",
        "The fastest ways to train on at most so many chips.",
        "search train llama-3.1-70b --chip nvidia-h100-sxm-80gb --chips 512 --global-batch 1024",
        "Prints the ten best layouts, fastest first.",
        "search",
    ),
    Command(
        "serve",
        "polysilicon.cli.serve:search",
        "The best deployments that keep the latency targets.",
        "search serve llama-3.1-70b --chip nvidia-h100-sxm-80gb --chips 8 --input 1024 --output 256 --tpot-ms 50",
        "Prints the ten best deployments, most tokens/s a chip first.",
        "search",
    ),
    Command(
        "split",
        "polysilicon.cli.split:search",
        "Read prompts on one kind of chip and decode on another: which, how many, what is gained.",
        "search split qwen3-32b --chip huawei-ascend-910c --chip nvidia-h20-96gb --input 4000 --output 500",
        "Prints the best pair of workers, their numbers, and what each pair of chips gains.",
        "search",
    ),
    Command(
        "replay",
        "polysilicon.cli.replay:replay",
        "What becomes of each request of a trace on a cluster: tails, goodput, cache, energy.",
        "replay llama-3.1-70b --chip nvidia-h100-sxm-80gb --tp 8 --replicas 4 --poisson 12 --input 1000 --output 200",
        "Prints percentiles of TTFT, TPOT and the whole answer; `replay TRACE MODEL` replays a trace.",
    ),
    Command(
        "scan",
        "polysilicon.cli.port:scan",
        "Find every place that ties code to one vendor, for each target, and size the work.",
        "port scan . --target ascend@950dt,rocm,musa --effort",
        "Prints verdicts by target, the matrix, and person-days; --json, --sarif and --html write more.",
        "port",
    ),
    Command(
        "rewrite",
        "polysilicon.cli.port_rewrite:rewrite",
        "A diff that turns code for CUDA into code for the accelerator at hand.",
        "port rewrite my-project --torch-version 2.13 --out port.patch",
        "Writes port.patch, and prints what changes, what is for review, and what stays by hand.",
        "port",
    ),
    Command(
        "verify",
        "polysilicon.cli.port_verify:verify",
        "Does a model give the same numbers on every runtime of this machine, and if not, which operator is it?",
        "port verify example:recommender --out evidence",
        "Prints a verdict by level and runtime; evidence/ holds evidence.json and evidence.html to sign.",
        "port",
    ),
    Command(
        "list",
        "polysilicon.cli.facts:list_",
        "The records of a kind, or the kinds.",
        "facts list chip",
        "Prints every chip with its vendor and dates.",
        "facts",
    ),
    Command(
        "show",
        "polysilicon.cli.facts:show",
        "Every value of a record with its source, date and confidence.",
        "facts show nvidia-h20-96gb",
        "Prints each value, where it was read and how far it can be trusted.",
        "facts",
    ),
    Command(
        "check",
        "polysilicon.cli.facts:check",
        "Fail on any value without a source, date or confidence.",
        "facts check",
        "Prints what is wrong, one line each; exit code 1 if anything is.",
        "facts",
    ),
    Command(
        "build",
        "polysilicon.cli.facts:build",
        "Compile the reviewed files into the index that commands read.",
        "facts build",
        "Prints the hash of the catalogue. Needed after editing its files.",
        "facts",
    ),
    Command(
        "list",
        "polysilicon.cli.rules:list_",
        "Every provision on record, with its dates, stage and grade.",
        "rules list --on 2026-01-15 --regime us-export",
        "Prints each provision, what it gives, from when to when; --proposals prints bills.",
        "rules",
    ),
    Command(
        "show",
        "polysilicon.cli.rules:show",
        "One provision: dates, whom it binds, its condition, what follows, sources.",
        "rules show US-17",
        "Prints the record with its citation and sources.",
        "rules",
    ),
    Command(
        "diff",
        "polysilicon.cli.rules:diff",
        "What changed between two days, and which chips changed class.",
        "rules diff --from 2023-11-16 --to 2023-11-18",
        "Prints the provisions that began and ended, and each chip whose answer changed.",
        "rules",
    ),
    Command(
        "timeline",
        "polysilicon.cli.rules:timeline",
        "A chip's verdict over time.",
        "rules timeline nvidia-h20-96gb --to CN --from US --out h20.html",
        "Prints what held when and what turned it; h20.html is the chart.",
        "rules",
    ),
    Command(
        "bundle",
        "polysilicon.cli.rules:bundle",
        "A verdict, or every verdict behind a plan, as a signed-off zip file.",
        "rules bundle nvidia-h20-96gb --to CN --on 2025-06-01 --out h20.zip --signed-by Counsel --signed-on 2025-06-02",
        "Writes verdicts, records, sources and a manifest; --verify checks one.",
        "rules",
    ),
    Command(
        "new",
        "polysilicon.cli.rules:new",
        "Write a small file of rules of your own to start from.",
        "rules new my-rules.yaml",
        "Writes my-rules.yaml. Next: polysilicon rules check my-rules.yaml",
        "rules",
    ),
    Command(
        "check",
        "polysilicon.cli.rules:check",
        "Check your own rules: words, dates, places, and a trial on their days.",
        "rules check my-rules.yaml",
        "Prints each rule and the days on which it speaks, or the first mistake.",
        "rules",
    ),
    Command(
        "schema",
        "polysilicon.cli.rules:schema",
        "The JSON Schema of a file of rules, for your editor.",
        "rules schema --out rules.schema.json",
        "Writes the schema; docs/rules.md shows how an editor uses it.",
        "rules",
    ),
    Command(
        "training",
        "polysilicon.cli.validate:training",
        "Measured training steps against the estimator.",
        "validate training --out result.csv",
        "Prints median errors; result.csv has a row per case and quantity. --cases takes yours.",
        "validate",
    ),
    Command(
        "serving",
        "polysilicon.cli.validate:serving",
        "Measured serving results against the estimator.",
        "validate serving --out result.csv",
        "Prints median errors; result.csv has a row per case and quantity. --cases takes yours.",
        "validate",
    ),
    Command(
        "operators",
        "polysilicon.cli.validate:operators",
        "Timed kernels, collectives and exchanges against the operator models.",
        "validate operators --out result.csv",
        "Prints errors by kind; result.csv has a row per case and quantity. --cases takes yours.",
        "validate",
    ),
    Command(
        "policy",
        "polysilicon.cli.validate:policy",
        "Decided or published export cases against the rules.",
        "validate policy --out result.csv",
        "Prints how many cases agree; result.csv has a row per case and question. --cases takes yours.",
        "validate",
    ),
)
