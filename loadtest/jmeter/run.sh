#!/usr/bin/env bash
# Runs the plan with Debian's JMeter and prints what came out. Arguments go to JMeter: -Jname=value, see ../README.md.
# The exit code is 0 only when messages were sent and no sample failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=/usr/share/jmeter
groovy=/usr/share/java/groovy-all.jar
for file in "$home/bin/ApacheJMeter.jar" "$home/lib/ext/ApacheJMeter_java.jar" "$groovy"; do
  [ -e "$file" ] || { echo "$file is missing: apt-get install jmeter jmeter-http jmeter-java groovy" >&2; exit 2; }
done

out=$(mktemp -d)
java -Djmeter.home="$home" -cp "$home/bin/ApacheJMeter.jar:$home/lib/*:$home/lib/ext/*:$groovy" \
  groovy.ui.GroovyMain "$here/start.groovy" -n -t "$here/chat.jmx" -j "$out/jmeter.log" -l "$out/results.jtl" \
  -Jjmeter.save.saveservice.output_format=csv -Jjmeter.save.saveservice.print_field_names=false "$@"

# One line a sample: time,elapsed,label,code,message,thread,type,success,bytes,threads,threads,latency. Only a message may have commas of its own.
sort -t, -k3,3 -k2,2n "$out/results.jtl" | awk -F, '
  function show() {
    if (label != "") printf "%-10s %8d %8d %9.1f %8d %8d %8d\n", label, n, bad, n * 1000 / (to > from ? to - from : 1), t[int((n + 1) / 2)], t[int(n * 0.99 + 0.999)], t[n]
  }
  BEGIN { printf "%-10s %8s %8s %9s %8s %8s %8s\n", "sample", "count", "errors", "a second", "p50 ms", "p99 ms", "max ms" }
  !/^[0-9]+,[0-9]+,/ { next }
  $3 != label { show(); label = $3; n = bad = to = 0; from = $1 }
  {
    t[++n] = $2
    if ($1 < from) from = $1
    if ($1 + $2 > to) to = $1 + $2
    if (!/,true,[0-9]+,[0-9]+,[0-9]+,[0-9]+$/) { bad++; if (++failed <= 3) print > "/dev/stderr" }
    else if (label == "close") events += $5
    if (label == "send") sent++
  }
  END { show(); printf "%d events received, %d errors\n", events, failed; exit failed > 0 || sent == 0 }
' && code=0 || code=1
echo "Every sample: $out/results.jtl; what JMeter says: $out/jmeter.log"
exit $code
