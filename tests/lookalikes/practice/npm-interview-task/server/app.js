const express = require('express');
const { verify } = require('./controllers/auth');
const app = express();
verify();
module.exports = app;
