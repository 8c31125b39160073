#!/usr/bin/env bash
# Runs the gate as the GitHub Action does: inputs in GATE_* variables, pytest's exit code out.
# Values only ever become arguments, so spaces, quotes and $(...) in them are plain text.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pytest="$checkout/.venv/bin/pytest"
if [[ ! -x $pytest ]]; then
  echo "gate.sh: no environment in $checkout: run make install there first" >&2
  exit 4
fi

report=${GATE_REPORT:-trust-report}
# The tests come first, so that an option without its value cannot swallow them.
arguments=("$checkout/trust_tests" "--trust-report=$report" "--junitxml=$report/junit.xml")

option() { # option --name value: left out where the value is empty
  if [[ -n $2 ]]; then arguments+=("$1=$2"); fi
}

trimmed() { # trimmed text: without blanks at either end
  local text=$1
  text="${text#"${text%%[![:space:]]*}"}"
  printf '%s' "${text%"${text##*[![:space:]]}"}"
}

option --model "${GATE_MODEL:-}"
option --baseline-dir "${GATE_BASELINE:-}"
option --data "${GATE_DATA:-}"
option --tier "${GATE_TIER:-}"
option --tolerances "${GATE_TOLERANCES:-}"
option --waivers "${GATE_WAIVERS:-}"
option --require "${GATE_REQUIRE:-}"
option --on-inconclusive "${GATE_ON_INCONCLUSIVE:-}"
option --trust-cache "${GATE_CACHE:-}"

method=${GATE_METHOD:-}
while IFS= read -r line; do
  option --method "$(trimmed "$line")"
done <<< "${method//,/$'\n'}"

while IFS= read -r line; do
  line=$(trimmed "$line")
  if [[ -n $line ]]; then arguments+=("$line"); fi
done <<< "${GATE_ARGS:-}"

length() { # bytes in the step's outputs so far
  if [[ -f ${GITHUB_OUTPUT:-} ]]; then wc -c < "$GITHUB_OUTPUT"; else echo 0; fi
}

before=$(length)
status=0
"$pytest" "${arguments[@]}" || status=$?

# pytest refuses some mistakes, and is killed for memory, before the suite can speak: a red run always has a decision.
if [[ $status -ne 0 && -n ${GITHUB_OUTPUT:-} && $(length) -eq $before ]]; then
  echo "decision=broken" >> "$GITHUB_OUTPUT"
  said="nothing was judged: pytest ended with exit code $status; the reason is in the log"
  echo "::error title=not judged::$said"
  if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then echo "**$said**" >> "$GITHUB_STEP_SUMMARY"; fi
fi
exit "$status"
