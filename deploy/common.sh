# Sourced by the scripts of this repository; defines what all of them say and do alike. Runs nothing by itself.
# shellcheck shell=bash

# The root of the checkout, wherever the caller stands.
mneme_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

if [[ -t 1 && -z "${NO_COLOR:-}" ]]; then
  mneme_bold=$'\e[1m' mneme_red=$'\e[31m' mneme_plain=$'\e[0m'
else
  mneme_bold='' mneme_red='' mneme_plain=''
fi

# step TEXT: a heading, with the seconds since the script began.
step() { printf '%s== [%3ds] %s%s\n' "$mneme_bold" "$SECONDS" "$*" "$mneme_plain"; }

# say TEXT: a line below a heading.
say() { printf '   %s\n' "$*"; }

# die TEXT NEXT_STEP [EXIT_CODE]: what went wrong and what to do about it.
die() {
  printf '%serror:%s %s\n' "$mneme_red" "$mneme_plain" "$1" >&2
  [[ -z "${2:-}" ]] || printf '       %s\n' "$2" >&2
  exit "${3:-1}"
}

# usage_of FILE: prints the block of comments that opens a script, as its --help.
usage_of() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$1"; }

# build_jobs: compilers to run at once: one a core, but not more than memory holds (a file that includes gRPC's
# headers takes about 1.2 GB to compile).
build_jobs() {
  local cores available_kib by_memory
  cores="$(nproc)"
  available_kib="$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)"
  by_memory=$((available_kib / (1200 * 1024)))
  if ((by_memory < 1)); then by_memory=1; fi
  if ((by_memory < cores)); then echo "$by_memory"; else echo "$cores"; fi
}

# build_preset PRESET JOBS TARGET...: configures and builds; no target means all. Quiet where no person watches.
build_preset() {
  local preset="$1" jobs="$2"
  shift 2
  local log="$mneme_root/build/$preset-configure.log" quiet=()
  mkdir -p "$mneme_root/build"
  if ! (cd "$mneme_root" && cmake --preset "$preset") >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "cmake could not configure the preset '$preset'." "The whole of its output is in $log."
  fi
  [[ -t 1 ]] || quiet=(--quiet)
  local code=0
  ninja -C "$mneme_root/build/$preset" -j "$jobs" "${quiet[@]}" "$@" || code=$?
  case "$code" in
    0) ;;
    2 | 130) exit 130 ;; # Ctrl-C: ninja has said so
    *) die "the build of preset '$preset' failed." "The compiler's message is above." ;;
  esac
}
