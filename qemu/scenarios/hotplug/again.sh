# The PCI function of the SCMI device.
pci_function() { basename "$(dirname "$(readlink -f "/sys/bus/virtio/devices/$(scmi_devices | head -n 1)")")"; }

# Removes the device from the PCI bus and rescans the bus, TIMES times or until SCMI does not answer; prints the successful
# rounds: rescan TIMES
rescan() {
	function=$(pci_function)
	for round in $(seq "$1"); do
		echo 1 >"/sys/bus/pci/devices/$function/remove"
		echo 1 >/sys/bus/pci/rescan
		answer_soon | grep -q '^status 0 ' || break
		done=$round
	done
	echo "${done:-0}"
}
