# Assembles lures.db from the rules: check, sort, drop repeats, put a header on top.
# One rule per line in rules/*.txt: pattern | family | author | reason
# Lines that are empty or begin with # are for people.
set -eu
export LC_ALL=C

busybox awk -F ' [|] ' '
    /^#/ || /^[ \t]*$/ { next }
    NF != 4 { print FILENAME ":" FNR ": needs 4 fields between \" | \": " $0 > "/dev/stderr"; bad = 1; next }
    {
        for (i = 1; i <= 4; i++) {
            if ($i ~ /\t/ || $i !~ /[^ ]/) {
                print FILENAME ":" FNR ": field " i " is empty or holds a tab" > "/dev/stderr"; bad = 1
            }
        }
        print $1 "\t" $2 "\t" $3 "\t" $4
    }
    END { exit bad }
' rules/*.txt > rules.tmp

busybox sort -u rules.tmp > sorted.tmp
repeats=$(busybox cut -f 1 sorted.tmp | busybox sort | busybox uniq -d)
if [ -n "$repeats" ]; then
    echo "one pattern, two rules: $repeats" >&2
    exit 1
fi

count=$(busybox wc -l < sorted.tmp)
{
    echo "lures-db 1 $((count))"
    busybox cat sorted.tmp
} > lures.db
busybox rm rules.tmp sorted.tmp
