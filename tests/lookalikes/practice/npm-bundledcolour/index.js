module.exports = require('colour-convert')
