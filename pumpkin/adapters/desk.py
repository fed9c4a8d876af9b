"""What a probe of ours can be asked to do, as ad hoc commands."""

from __future__ import annotations

from collections.abc import Mapping

from pumpkin.adapters import commands
from pumpkin.errors import InvalidRequest
from pumpkin.model.wire import rfc3339
from pumpkin.probes.bench import Bench


def services(bench: Bench) -> list[commands.Command]:
    """What this probe can be asked to do (XEP-0050)."""

    def which() -> list[commands.Field]:
        names = tuple(bench.tasks)
        return [commands.Field("job", "Job", names[:100], names[0] if names else "")]

    def about() -> list[commands.Field]:
        return [commands.Field("type", "Type of the check"), commands.Field("target", "Its target")]

    async def confirm(values: Mapping[str, str]) -> list[dict[str, str]]:
        """Look anew at what another agent saw: only at what this probe looks at by itself."""
        seen = await bench.confirm(values["type"], values["target"])
        said = {"check": str(seen.id), "status": str(seen.detail.get("status", ""))}
        return [{**said, "job": str(seen.detail.get("labels", {}).get("job", ""))}]

    def period() -> list[commands.Field]:
        return [*which(), commands.Field("period", "Period in seconds")]

    def chosen(values: Mapping[str, str]) -> str:
        return bench.task(values.get("job") or "").job.name

    async def run(values: Mapping[str, str]) -> str:
        seen = await bench.run_now(chosen(values))
        return f"{chosen(values)}: {seen.detail.get('status')}, check {seen.id}"

    async def pause(values: Mapping[str, str]) -> str:
        bench.pause(chosen(values), True)
        return f"{chosen(values)} is paused."

    async def resume(values: Mapping[str, str]) -> str:
        bench.pause(chosen(values), False)
        return f"{chosen(values)} goes on."

    async def change(values: Mapping[str, str]) -> str:
        try:
            bench.set_period(chosen(values), float(values["period"]))
        except ValueError:
            raise InvalidRequest("The period is not a number of seconds that fits.") from None
        return f"{chosen(values)} now runs every {values['period']} s."

    async def listing(values: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {
                key: str(one[key] if one[key] is not None else "")
                for key in ("name", "kind", "state", "period_s", "last_error")
            }
            for one in bench.behaviours()
        ]

    async def view(values: Mapping[str, str]) -> commands.View:
        rows = [
            {
                "job": str(one["name"]),
                "target": str(one["detail"].get("target") or ""),
                "status": str(one["detail"].get("status") or "not yet"),
                "last run": rfc3339(one["last_run"]) if one["last_run"] else "",
                "runs": str(one["detail"].get("runs", "")),
                "trouble": str(one["last_error"] or ""),
            }
            for one in bench.behaviours()
        ]
        return commands.View(rows, bench.durations())

    return [
        commands.Command("view", "What it found last", view),
        commands.Command("run", "Run a job now", run, which),
        commands.Command("pause", "Pause a job", pause, which),
        commands.Command("resume", "Let a paused job go on", resume, which),
        commands.Command("period", "Change a job's period", change, period),
        commands.Command("jobs", "List the jobs", listing),
        commands.Command("confirm", "Look at what another saw", confirm, about),
    ]
