# The platform's regulators: NAME MICROVOLTS STATE, in the order of their names.
regulators() {
	for regulator in /sys/class/regulator/regulator.*; do
		case $(readlink -f "$regulator") in
		*scmi*) echo "$(cat "$regulator/name") $(cat "$regulator/microvolts") $(cat "$regulator/state")" ;;
		esac
	done | sort
}
