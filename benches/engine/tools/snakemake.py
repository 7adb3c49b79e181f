"""Snakemake: a rule a step; a sweep is one rule with a wildcard, whose parameter is in the configuration."""

import json
from pathlib import Path

from graph import OUTPUTS, Graph, Step
from tools.tool import Tool, write_if_different

_HEAD = f"""\
configfile: "config.json"

rule all:
    input: expand("{OUTPUTS}/{{step}}", step=config["keep"])
"""

_RULE = """
rule {rule}:
    input: {needs}
    output: "{target}"
    params: keep={keep}
    shell: "{command}"
"""


class Snakemake(Tool):
    name = "snakemake"
    checks = "mtime (sha256 of small files with a new one), parameters, code"

    def write(self, project: Path, graph: Graph) -> None:
        rules = [_rule(graph, step, step.name, step.name, f'config["keep"]["{step.name}"]') for step in graph.steps]
        if graph.sweep:
            keep = 'lambda wildcards: config["keep"][wildcards.step]'
            rules.append(_rule(graph, graph.sweep[0], "sweep", "{step,leaf[0-9]+}", keep))
        write_if_different(project / "Snakefile", _HEAD + "".join(rules))
        config = {
            "keep": {step.name: step.keep for step in graph.every_step()},
            "source": graph.source_files(),
        }
        write_if_different(project / "config.json", json.dumps(config, indent=1))

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), f"-c{jobs}", "--quiet"]


def _rule(graph: Graph, step: Step, rule: str, output: str, keep: str) -> str:
    name = step.name if rule == step.name else "{wildcards.step}"
    command = " ".join(graph.command(name, "{input[0]}", "{output}", "{params.keep}"))
    needs = 'config["source"]' if step.reads is None else f'"{graph.read_by(step)}"'
    return _RULE.format(rule=rule, needs=needs, target=f"{OUTPUTS}/{output}", keep=keep, command=command)
