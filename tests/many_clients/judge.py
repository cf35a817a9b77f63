"""Compares what one client saw with what was its own. All texts begin with their owner's name."""

import json
from collections import Counter

STEPS = 5
ROUNDS = (0, 1)


def problems(name: str, cancels: bool, interactive: bool, logged: bool, report: dict) -> list[str]:
    """Everything wrong with one client's report; `interactive`: the server's questions reach their client,
    `logged`: so do its logs, which have no addressee in a process that serves many."""
    found = [f"{name}: foreign {m}" for m in report["received"] if _owner(m) != name]
    found += _differences(name, "results", _results(name, cancels, interactive), _essence(report["results"]))
    found += _differences(name, "progress", _progress(name, report["sent"]), _received_progress(report))
    for kind, wanted in _texts(name, interactive).items():
        got = Counter(_text(m) for m in report["received"] if m["method"] == kind)
        # Where a log may be withheld, still nothing comes twice.
        good = got <= wanted if kind == "notifications/message" and not logged else got == wanted
        if not good:
            found.append(f"{name}: {kind}: wanted {dict(wanted)}, got {dict(got)}")
    return found


def call_ids(report: dict) -> list[tuple]:
    """Id, token and tool of every call before the fence, in order."""
    return [(call["id"], call["token"], call["tool"]) for call in report["sent"][: 2 + 5 * len(ROUNDS)]]


def _text(message: dict) -> str:
    params = message.get("params", {})
    match message["method"]:
        case "notifications/progress" | "elicitation/create":
            return params["message"]
        case "notifications/message":
            return params["data"]
        case "notifications/resources/updated":
            return params["uri"].removeprefix("probe://")
        case "sampling/createMessage":
            return params["messages"][0]["content"]["text"]
        case other:
            return f"unexpected {other}"


def _owner(message: dict) -> str:
    return _text(message).split()[0]


def _results(name: str, cancels: bool, interactive: bool) -> dict:
    wanted = {"update 0": "announced", "update 1": "announced", "outcome": "cancelled" if cancels else "completed"}
    if not cancels:
        wanted["slow"] = "completed"
    for n in ROUNDS:
        answer = {"action": "accept", "content": {"answer": f"{name} answers {name} elicit {n}"}}
        wanted[f"echo {n}"] = f"{name} echo {n} {name * 100}"
        wanted[f"progress {n}"] = f"{name} progress {n}"
        wanted[f"log {n}"] = f"{name} log {n}"
        wanted[f"elicit {n}"] = json.dumps(answer, separators=(",", ":")) if interactive else "refused"
        wanted[f"sample {n}"] = f"{name} answers {name} sample {n}" if interactive else "refused"
    return wanted


def _essence(results: dict) -> dict:
    return {key: "refused" if result["isError"] else result["text"] for key, result in results.items()}


def _progress(name: str, sent: list[dict]) -> dict:
    """Per token, the texts in their order."""
    wanted = {}
    for call in sent:
        label = call["arguments"].get("label")
        if call["tool"] == "progress":
            wanted[call["token"]] = [f"{label} {step}" for step in range(1, STEPS + 1)]
        elif call["tool"] == "slow":
            wanted[call["token"]] = [label]
    return wanted


def _received_progress(report: dict) -> dict:
    got = {}
    for message in report["received"]:
        if message["method"] == "notifications/progress":
            got.setdefault(message["params"]["progressToken"], []).append(message["params"]["message"])
    return got


def _texts(name: str, interactive: bool) -> dict[str, Counter]:
    def once(kind: str) -> Counter:
        return Counter(f"{name} {kind} {n}" for n in ROUNDS)

    return {
        "notifications/message": once("log"),
        "notifications/resources/updated": Counter({name: 2}),
        "elicitation/create": once("elicit") if interactive else Counter(),
        "sampling/createMessage": once("sample") if interactive else Counter(),
    }


def _differences(name: str, what: str, wanted: dict, got: dict) -> list[str]:
    keys = sorted(wanted.keys() | got.keys(), key=str)
    return [
        f"{name}: {what}: {key}: wanted {wanted.get(key)!r}, got {got.get(key)!r}"
        for key in keys
        if wanted.get(key) != got.get(key)
    ]
