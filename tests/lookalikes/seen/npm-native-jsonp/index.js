exports.parse = s => JSON.parse(s.replace(/^\w+\(|\)$/g, ''))
