require('assert')(require('./') );
