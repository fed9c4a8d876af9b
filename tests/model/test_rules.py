"""Rules over checks and a clock: each kind fires when it should and keeps quiet when it should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from pumpkin.model.alerts.book import message
from pumpkin.model.rules import Cleared, Engine, Fired, InvalidRules, Known, Sighting, read
from pumpkin.model.rules.machine import GROUPS
from pumpkin.model.rules.sighting import extracted
from pumpkin.model.rules.window import ENTRIES, Window

T0 = 1_790_000_000
PROBE = "probe@x"


class Past:
    """An engine over a history told second by second."""

    def __init__(self, rules: str, roster: Mapping[str, Known] | None = None) -> None:
        self.engine = Engine(read(rules.encode()), since=T0 * 1_000_000)
        self.seq = 0
        self.said = list(self.engine.know(roster or {}))

    def see(self, at: float, status: str = "ok", **more: Any) -> list[Any]:
        """One check, `at` seconds after the beginning; what was said."""
        self.seq += 1
        given: dict[str, Any] = {"kind": "check", "type": "http", "agent": PROBE, "target": "shop", "site": "", **more}
        detail = given.pop("detail", {})
        when = round((T0 + at) * 1e6)
        one = Sighting(
            seq=self.seq,
            id=UUID(int=self.seq),
            status=status,
            received=when,
            observed=given.pop("observed", when),
            values=extracted(detail, self.engine.paths("check", given["type"], given["agent"])),
            **given,
        )
        return self._take(self.engine.observe(one))

    def wait(self, at: float) -> list[Any]:
        """Time goes on to `at`."""
        return self._take(self.engine.advance(round((T0 + at) * 1e6)))

    def _take(self, said: list[Any]) -> list[Any]:
        self.said += said
        return said


def words(said: list[Any]) -> list[str]:
    return ["fired" if isinstance(one, Fired) else "cleared" for one in said]


def rule(kind: str, **fields: Any) -> str:
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in fields.items()]
    return "\n".join(["[[rule]]", 'name = "r"', f'kind = "{kind}"', *lines]).replace("True", "true")


# -- change


def test_a_change_fires_and_is_over_when_the_value_is_back() -> None:
    past = Past(rule("change", value="result.data.issuer"))
    issuer = {"result": {"data": {"issuer": "A"}}}
    assert past.see(0, detail=issuer) == []
    assert past.see(1, detail=issuer) == []
    (fired,) = past.see(2, detail={"result": {"data": {"issuer": "B"}}})
    assert (fired.value, fired.facts["before"]) == ("B", "A")
    assert [one.seq for one in fired.links] == [2, 3]
    assert past.see(3) == []  # a check without the value says nothing
    (over,) = past.see(4, detail=issuer)
    assert isinstance(over, Cleared)


def test_a_change_is_over_after_keep_and_another_change_keeps_it() -> None:
    past = Past(rule("change", value="status", keep="1m"))
    past.see(0)
    assert words(past.see(1, "critical")) == ["fired"]
    assert words(past.see(50, "warning")) == ["fired"]
    assert past.wait(70) == []
    assert words(past.wait(111)) == ["cleared"]
    assert past.wait(500) == []


def test_only_the_changes_asked_for_fire() -> None:
    past = Past(rule("change", was=["ok"], becomes=["critical"]))
    assert past.see(0) == []
    assert past.see(1, "warning") == []
    assert past.see(2, "critical") == []
    past.see(3)
    assert words(past.see(4, "critical")) == ["fired"]


# -- expected value


def test_an_unexpected_value_fires_after_so_many_in_a_row() -> None:
    past = Past(rule("expected", value="result.data.status", expect=200, after=2, recover=2))

    def answer(at: float, status: Any) -> list[str]:
        return words(past.see(at, detail={"result": {"data": {"status": status}}}))

    assert [answer(at, status) for at, status in enumerate([200, 503, 200, 503, 503, 503, 200, 200, 200])] == [
        *([], [], [], [], ["fired"], ["fired"], [], ["cleared"], [])
    ]


def test_a_missing_value_breaks_the_expectation_unless_it_is_ignored() -> None:
    assert words(Past(rule("expected", value="result.data.x", expect=1)).see(0)) == ["fired"]
    assert Past(rule("expected", value="result.data.x", expect=1, missing="ignored")).see(0) == []


@pytest.mark.parametrize(
    ("op", "expect", "good", "bad"),
    [
        ("<", 500, 499.5, 500),
        (">=", 14, "14", 13),
        ("in", [200, 204], 204, 404),
        ("not in", ["a", "b"], "c", "a"),
        ("like", "TLSv1.[23]*", "TLSv1.3", "SSLv3"),
        ("contains", "nginx", "nginx/1.25", "apache"),
        ("!=", "expired", "valid", "expired"),
        ("==", True, True, 1),
    ],
)
def test_operators(op: str, expect: Any, good: Any, bad: Any) -> None:
    past = Past(rule("expected", value="result.data.v", op=op, expect=expect))
    assert past.see(0, detail={"result": {"data": {"v": good}}}) == []
    assert words(past.see(1, detail={"result": {"data": {"v": bad}}})) == ["fired"]


# -- threshold


def test_a_count_within_a_window_fires_and_clears_as_time_goes_by() -> None:
    past = Past(rule("threshold", window="60s", limit=3) + '\nselect = { status = "critical" }')
    assert past.see(0, "critical") == []
    assert past.see(30, "critical") == []
    assert past.see(40, "ok") == []
    assert past.see(61, "critical") == []  # the first one is over a minute ago
    assert words(past.see(62, "critical")) == ["fired"]
    assert past.wait(89) == []
    assert words(past.wait(91)) == ["cleared"]


def test_a_mean_needs_enough_samples() -> None:
    past = Past(rule("threshold", window="5m", aggregate="mean", value="result.data.ms", op=">", limit=100.0, least=3))

    def took(at: float, ms: float) -> list[str]:
        return words(past.see(at, detail={"result": {"data": {"ms": ms}}}))

    assert [took(at, ms) for at, ms in enumerate([500, 500])] == [[], []]
    assert took(2, 50) == ["fired"]
    assert [took(3, 1), took(4, 1), took(5, 1), took(6, 1), took(7, 1), took(8, 1), took(9, 1)][-1] == ["fired"]
    assert took(10, 1) == ["cleared"]


def test_too_few_fire_only_after_a_whole_window_and_also_when_none_come() -> None:
    past = Past(rule("threshold", window="60s", op="<", limit=2))
    assert past.see(0) == []
    assert past.see(30) == []
    assert past.wait(59) == []
    assert words(past.wait(61)) == ["fired"]
    assert words(past.see(62)) == ["cleared"]


def test_a_share_counts_those_that_hold() -> None:
    text = rule("threshold", window="60s", aggregate="share", op=">=", limit=0.5, least=4)
    past = Past(text + '\nholds = { value = "status", than = "critical" }')
    assert [words(past.see(at, status)) for at, status in enumerate(["critical", "ok", "ok", "ok"])] == [[], [], [], []]
    past.see(5, "critical")
    assert words(past.see(6, "critical")) == ["fired"]


# -- k of n agree or differ


def test_k_of_n_agents_agree_about_one_target() -> None:
    text = rule("agreement", window="60s", want="agree", k=2, n=3)
    past = Past(text + '\nholds = { value = "status", than = "critical" }')
    assert past.see(0, "critical", agent="a@x") == []
    assert past.see(1, "critical", agent="a@x") == []  # the same voice again
    assert past.see(2, "ok", agent="b@x") == []
    (fired,) = past.see(3, "critical", agent="c@x")
    assert fired.facts["agents"] == "a@x, c@x"
    assert sorted(one.seq for one in fired.links) == [2, 4]
    assert words(past.see(4, "ok", agent="a@x")) == ["cleared"]


def test_two_of_three_agents_of_another_target_do_not_fire() -> None:
    text = rule("agreement", window="60s", want="agree", k=2, n=2)
    past = Past(text + '\nholds = { value = "status", than = "critical" }')
    past.see(0, "critical", agent="a@x", target="one")
    assert past.see(1, "critical", agent="b@x", target="two") == []


def test_agents_that_differ_fire_and_old_voices_do_not_count() -> None:
    past = Past(rule("agreement", window="60s", want="differ", value="result.data.ip", k=1, n=3))

    def says(at: float, agent: str, ip: str) -> list[str]:
        return words(past.see(at, agent=agent, detail={"result": {"data": {"ip": ip}}}))

    assert [says(0, "a@x", "1"), says(1, "b@x", "1"), says(2, "c@x", "1")] == [[], [], []]
    assert says(3, "b@x", "9") == ["fired"]
    assert words(past.wait(61)) == ["cleared"]  # only two voices are left
    assert says(100, "a@x", "1") == []


def test_sites_are_counted_instead_of_agents() -> None:
    text = rule("agreement", window="60s", want="agree", of="site", k=2, n=2)
    past = Past(text + '\nholds = { value = "status", than = "critical" }')
    past.see(0, "critical", agent="a@x", site="hall-1")
    assert past.see(1, "critical", agent="b@x", site="hall-1") == []
    assert words(past.see(2, "critical", agent="c@x", site="hall-2")) == ["fired"]


# -- silence


def test_silence_fires_after_n_periods_and_is_over_with_the_next_check() -> None:
    past = Past(rule("silence", periods=3, period="10s"))
    past.see(0)
    past.see(10)
    assert past.wait(39) == []
    (fired,) = past.wait(41)
    assert fired.subject.agent == PROBE
    assert past.wait(100) == []
    assert words(past.see(101)) == ["cleared"]


def test_the_period_is_the_agents_own_else_its_rhythm() -> None:
    past = Past(rule("silence", periods=2), {PROBE: Known(period_s=30.0)})
    past.see(0)
    assert past.wait(59) == []
    assert words(past.wait(61)) == ["fired"]
    rhythm = Past(rule("silence", periods=2))
    for at in (0, 5, 10, 15):
        rhythm.see(at)
    assert rhythm.wait(24) == []
    assert words(rhythm.wait(26)) == ["fired"]
    once = Past(rule("silence", periods=2))
    once.see(0)
    assert once.wait(10_000) == []  # it never had a rhythm


def test_an_agent_never_heard_is_missed_and_one_shut_out_is_not() -> None:
    text = rule("silence", periods=2, period="10s") + '\nselect = { tag = "night" }'
    roster = {"new@x": Known(tags=frozenset({"night"})), "other@x": Known()}
    past = Past(text, roster)
    (fired,) = past.wait(21)
    assert fired.key == ("new@x",)
    (over,) = past.engine.know({"new@x": Known(tags=frozenset({"night"}), approved=False)})
    assert isinstance(over, Cleared)


def test_what_could_not_be_heard_is_no_silence() -> None:
    past = Past(rule("silence", periods=3, period="10s"))
    past.see(0)
    past.engine.deaf_until((T0 + 1_000) * 1_000_000)  # the server was away
    assert past.wait(1_029) == []
    assert words(past.wait(1_031)) == ["fired"]


# -- flapping


def test_flapping_fires_and_calms_down() -> None:
    past = Past(rule("flapping", window="60s", changes=4, calm=1))
    said = [words(past.see(at, status)) for at, status in enumerate(["ok", "critical"] * 3)]
    assert said == [[], [], [], [], ["fired"], ["fired"]]
    assert past.wait(62) == []
    assert words(past.wait(65)) == ["cleared"]


def test_what_changes_seldom_does_not_flap() -> None:
    past = Past(rule("flapping", window="60s", changes=4))
    for number in range(20):
        assert past.see(number * 30, "ok" if number % 2 else "critical") == []


# -- sequence

STEPS = """
steps = [
  { select = { type = "login" }, where = [{ value = "status", than = "critical" }] },
  { select = { type = "login" }, where = [{ value = "status", than = "ok" }] },
  { select = { type = "sudo" } },
]"""


def test_a_sequence_fires_in_order_and_in_time() -> None:
    past = Past(rule("sequence", within="60s") + STEPS)
    assert past.see(0, "critical", type="login") == []
    assert past.see(1, "ok", type="sudo") == []  # not yet
    assert past.see(2, "ok", type="login") == []
    (fired,) = past.see(3, "ok", type="sudo")
    assert [one.seq for one in fired.links] == [1, 3, 4]


def test_a_sequence_out_of_order_or_too_late_or_of_another_target_does_not_fire() -> None:
    past = Past(rule("sequence", within="60s") + STEPS)
    past.see(0, "ok", type="login")
    past.see(1, "critical", type="login")
    past.see(2, "ok", type="login")
    assert past.see(62, "ok", type="sudo") == []
    past.see(100, "critical", type="login")
    past.see(101, "ok", type="login")
    assert past.see(102, "ok", type="sudo", target="another") == []


def test_what_should_have_followed_and_did_not() -> None:
    text = rule("sequence", within="60s") + (
        '\nsteps = [{ select = { type = "backup" } }, { select = { type = "verify" }, absent = true }]'
    )
    past = Past(text)
    past.see(0, type="backup")
    assert past.see(30, type="verify") == []
    assert past.wait(1_000) == []
    past.see(2_000, type="backup")
    assert past.wait(2_059) == []
    assert words(past.wait(2_061)) == ["fired"]
    assert words(past.see(2_100, type="verify")) == ["cleared"]


# -- selection and grouping


@pytest.mark.parametrize(
    ("select", "fires"),
    [
        ('type = "http"', True),
        ('type = ["dns", "ht*"]', True),
        ('type = "dns"', False),
        ('agent = "probe@?"', True),
        ('tag = "night"', True),
        ('tag = "day"', False),
        ('duty = "http"', True),
        ('target = "sh*"', True),
        ('target = "shopp"', False),
        ('site = "hall-*"', True),
        ('label = { env = "prod" }', True),
        ('label = { env = "test" }', False),
        ('label = { other = "*" }', False),
        ('status = "critical"', True),
        ('status = ["ok", "warning"]', False),
    ],
)
def test_selection(select: str, fires: bool) -> None:
    known = Known(tags=frozenset({"night"}), duties=frozenset({"http"}))
    past = Past(rule("expected") + f"\nselect = {{ {select} }}", {PROBE: known})
    assert bool(past.see(0, "critical", site="hall-7", detail={"labels": {"env": "prod"}})) is fires


def test_what_is_spared_does_not_fire() -> None:
    past = Past(rule("expected") + '\nspare = { target = "test-*" }\nwhere = [{ value = "size", op = ">", than = 0 }]')
    assert past.see(0, "critical", target="test-1", size=1) == []
    assert past.see(0, "critical", target="shop", size=0) == []
    assert past.see(0, "critical", target="shop", size=1) != []


def test_groups_are_judged_each_by_itself() -> None:
    past = Past(rule("expected", after=2, by=["label.env"]))
    assert past.see(0, "critical", detail={"labels": {"env": "a"}}) == []
    assert past.see(1, "critical", detail={"labels": {"env": "b"}}) == []
    (fired,) = past.see(2, "critical", detail={"labels": {"env": "a"}})
    assert (fired.key, fired.subject.labels) == (("a",), {"env": "a"})


def test_a_message_names_labels_the_groups_do_not() -> None:
    past = Past(rule("expected") + '\nmessage = "{target} of {label.owner}, {label.none}."')
    (fired,) = past.see(0, "critical", detail={"labels": {"owner": "ada", "env": "a"}})
    (read_rule,) = read((rule("expected") + '\nmessage = "{target} of {label.owner}, {label.none}."').encode()).rule
    assert message(read_rule, fired) == "shop of ada, ."
    with pytest.raises(InvalidRules):
        read((rule("expected") + '\nmessage = "{label. }"').encode())


def test_what_alerts_put_into_the_log_is_looked_at_by_no_rule() -> None:
    assert Past(rule("expected")).see(0, "critical", kind="alert") == []


# -- clocks


def test_a_probe_whose_clock_is_years_off_is_judged_by_when_its_checks_come() -> None:
    for clock in ("received", "observed"):
        past = Past(rule("threshold", window="60s", limit=2, clock=clock))
        for years in (-30, 30):
            past.see(0, observed=round((T0 + years * 365 * 86_400) * 1e6))
        assert words(past.said) == ["fired"]


def test_a_spool_delivered_late_is_judged_by_when_it_was_seen_where_the_rule_says_so() -> None:
    for clock, wanted in (("received", ["fired"]), ("observed", [])):
        past = Past(rule("threshold", window="60s", limit=3, clock=clock))
        for number in range(3):
            past.see(600, observed=round((T0 + number * 100) * 1e6))
        assert words(past.said)[:1] == wanted


def test_a_clock_that_goes_back_leaves_no_window_open_for_years() -> None:
    past = Past(rule("threshold", window="60s", limit=3) + "\n" + rule("silence", period="10s").replace('"r"', '"s"'))
    past.see(0)
    past.see(1)
    past.engine.went_back((T0 - 86_400 * 400) * 1_000_000)
    assert words(past.see(-86_400 * 400 + 5)) == ["fired"]
    assert "cleared" in words(past.wait(-86_400 * 400 + 70))


# -- bounds, states


def test_a_flood_of_groups_is_bounded_and_those_that_fire_are_kept() -> None:
    past = Past(rule("expected"))
    past.see(0, "critical", target="bad")
    for number in range(GROUPS + 50):
        past.see(1, target=str(number))
    figures = past.engine.figures("r")
    assert (figures["groups"], figures["firing"], figures["forgotten"]) == (GROUPS, 1, 51)
    assert words(past.see(2, target="bad")) == ["cleared"]


def test_a_window_is_bounded_and_its_figures_hold() -> None:
    window = Window()
    for number in range(100_000):
        window.add(number, float(number), False)
    assert len(window.entries) <= ENTRIES
    assert (window.figure("count", 1), window.figure("max", 1), window.figure("mean", 1)) == (100_000, 99_999, 49_999.5)


STATEFUL = [
    rule("change"),
    rule("expected", after=2),
    rule("threshold", window="60s", limit=3),
    rule("agreement", window="60s", want="differ", k=1, n=2),
    rule("silence", period="10s"),
    rule("flapping", window="60s", changes=3),
    rule("sequence", within="60s") + '\nsteps = [{ where = [{ value = "status", than = "critical" }] }, {}]',
]


@pytest.mark.parametrize("text", STATEFUL)
@pytest.mark.parametrize("cut", range(1, 8))
def test_an_engine_taken_up_again_says_what_it_would_have_said(text: str, cut: int) -> None:
    """States are kept and loaded between any two checks of a history: nothing more and nothing less is said."""
    history = [(n * 7, "critical" if n % 3 else "ok", f"p{n % 2}@x") for n in range(12)]
    whole, parted = Past(text), Past(text)
    for number, (at, status, agent) in enumerate(history):
        if number == cut:
            kept = parted.engine.changed()
            again = Engine(parted.engine.file, since=parted.engine.now)
            for machine in again.machines.values():
                machine.since = parted.engine.machines[machine.rule.name].since
            for name, digest, key, state in kept:
                if state is not None:
                    assert again.take_up(name, digest, [(key, state)])
            parted.engine = again
        whole.see(at, status, agent=agent)
        parted.see(at, status, agent=agent)
    whole.wait(1_000)
    parted.wait(1_000)
    assert [(type(one), one.key, one.at) for one in parted.said] == [(type(one), one.key, one.at) for one in whole.said]
    assert whole.said


def test_a_rule_that_only_speaks_otherwise_keeps_its_state() -> None:
    one = read(rule("expected", message="a").encode()).rule[0]
    other = read(rule("expected", message="b", severity="critical", to=["me"]).encode()).rule[0]
    assert one.digest == other.digest
    assert one.digest != read(rule("expected", after=2).encode()).rule[0].digest
