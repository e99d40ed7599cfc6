# The function of the SCMI device on the PCI bus, in its slot.
pci_function() { basename "$(dirname "$(readlink -f "/sys/bus/virtio/devices/$(scmi_devices | head -n 1)")")"; }

# The device is taken from the PCI bus and found again, so many times, as long as SCMI answers then: prints how often it did.
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
