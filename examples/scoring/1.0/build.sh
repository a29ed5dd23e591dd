# Makes scoring.txt of table.txt: what each reason does to the outcome of a sample (spec/scoring-table.md).
# The order of the lines is part of the format, so a table that is out of order is refused here and not by the first machine.
set -eu
export LC_ALL=C

if [ "$(busybox head -n 1 table.txt)" != "limpid-scoring v1" ]; then
    echo "table.txt does not begin with \"limpid-scoring v1\"" >&2
    exit 1
fi
if ! busybox tail -n +4 table.txt | busybox sort -c -u; then
    echo "the reasons of table.txt are not in the order of their names" >&2
    exit 1
fi
busybox cat table.txt > scoring.txt
