exports.isAddress = s => /^0x[0-9a-f]{40}$/i.test(s)
