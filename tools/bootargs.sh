# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# ARGS= and RUN= become boot arguments in one way, whoever hands them over (run-board, make_image). Sourced by both,
# who have a function `die` that ends the script with a reason.

# bootargs ARGS RUN: sets $args to ARGS, behind it run="RUN", with a poweroff at RUN's end if there is none.
bootargs() {
	local run=$2 trimmed
	args=$1
	[ -n "$run" ] || return 0
	case $run in
	*'"'*) die 'RUN= may not hold a double quote: it becomes run="…" in the boot arguments' ;;
	*$'\n'*) die "RUN= must be one line; commands are separated by ;" ;;
	esac
	trimmed=${run%"${run##*[![:space:];]}"}
	[ "${trimmed##*[;[:space:]]}" = poweroff ] || run="$trimmed; poweroff"
	args="${args:+$args }run=\"$run\""
}
