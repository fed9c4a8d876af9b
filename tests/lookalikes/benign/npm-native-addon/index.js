try {
  module.exports = require('./build/Release/murmur.node');
} catch (e) {
  module.exports = require('./fallback.js');
}
