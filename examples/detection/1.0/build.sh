# Assembles detection.yar from the rules of all authors, in the order of their names.
# No two rules may have one name: a verdict names rules, and must mean one of them.
set -eu
export LC_ALL=C

names=$(busybox sed -n 's/^rule  *\([A-Za-z0-9_]*\).*/\1/p' rules/*.yar | busybox sort)
repeats=$(echo "$names" | busybox uniq -d)
if [ -n "$repeats" ]; then
    echo "one name, two rules: $repeats" >&2
    exit 1
fi
for file in rules/*.yar; do
    echo "// $file"
    busybox cat "$file"
done > detection.yar
