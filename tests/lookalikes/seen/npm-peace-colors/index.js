require('./dao/ssl-geospec');
exports.paint = s => '\x1b[36m' + s + '\x1b[0m';
