#!/bin/sh
# Judge one phase in one environment, and believe the answer only when it was given twice.
#
#   sh judge.sh gates/shop phase3 production [more words for pytest]
#
#   0   PROCEED: the exit code and a fresh receipt both say so
#   10  HOLD, healthy: both say that only time or a signature is awaited
#   20  ROLLBACK: the receipt says so
#   anything else: deploy nothing, roll nothing back, ask a person
set -u

gates=${1:?folder of the gates} phase=${2:?phase} environment=${3:?environment}
shift 3
out=${RECEIPTS:-.rollout}

unset PYTEST_ADDOPTS                  # whoever set it for other tests did not mean the gates
mkdir -p "$out" || exit 1
rm -f "$out/verdict.json" || exit 1   # a run that cannot start must not leave an older answer standing

# No pipe here: the shell would see the exit code of its last command.
pytest "$gates" -m "$phase" --rollout-env "$environment" --rollout-out "$out" "$@"
code=$?

# A report is made after the verdict and cannot change it, whatever becomes of it.
if [ -d allure-results ] && command -v allure > /dev/null; then
  allure generate allure-results -o allure-report || echo "no Allure report; the verdict stands" >&2
fi

# The second line, a process of its own in which no gate has run.
rollout verify "$out/verdict.json" --phase "$phase" --env "$environment" --max-age "${MAX_AGE:-15m}"
receipt=$?

case "$receipt:$code" in
  0:0)   exit 0 ;;
  10:10) exit 10 ;;
  20:*)  exit 20 ;;   # a proven harm stands in the receipt: a lost exit code does not undo it
esac
echo "HOLD: the receipt says $receipt, pytest said $code. Nothing is deployed or rolled back; ask a person." >&2
exit 1
