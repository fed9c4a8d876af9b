#!/usr/bin/env node
console.log('usage: nmail TO FILE')
