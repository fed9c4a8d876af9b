require('../')()
