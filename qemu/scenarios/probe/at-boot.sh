vendor() { cat $CORE/arm-scmi*/vendor_id; }
