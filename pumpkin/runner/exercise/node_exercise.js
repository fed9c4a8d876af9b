// Loads an npm package by require and by import, and in the execute phase calls what it exports with dummy arguments.
// Runs as the package's user, in the package's process: what it writes down is the package's word, and is shown as such.
// usage: node node_exercise.js import|execute DESCRIPTOR NAME require|import
'use strict'
const fs = require('fs')
const { createRequire } = require('module')
const { pathToFileURL } = require('url')
const path = require('path')

const [phase, descriptor, name, first] = process.argv.slice(2)
process.argv.length = 1
const CALL_MS = 3000
const CALLS = 300
let budget = CALLS
const out = Number(descriptor)
const write = fs.writeSync.bind(fs)
const app = path.join(process.cwd(), 'package.json')

function say (fields) {
  try { write(out, JSON.stringify({ phase, module: name, ...fields }) + '\n') } catch (error) { /* nobody listens */ }
}

async function attempt (fields, work) {
  const start = process.hrtime.bigint()
  let value
  let exception = null
  let timer
  try {
    const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error('more than its time')), CALL_MS) })
    value = await Promise.race([Promise.resolve().then(work), late])
  } catch (error) {
    exception = String(error && error.message ? `${error.name}: ${error.message}` : error).slice(0, 300)
  } finally { clearTimeout(timer) }
  const spent = Number(process.hrtime.bigint() - start) / 1e6
  say({ ...fields, result: exception === null ? typeof value : null, exception, duration_ms: Math.round(spent * 10) / 10 })
  return value
}

function own (loaded) {
  const found = []
  if (typeof loaded === 'function') found.push(['default', loaded])
  if (loaded && (typeof loaded === 'object' || typeof loaded === 'function')) {
    for (const key of Object.keys(loaded).slice(0, CALLS)) {
      let thing
      try { thing = loaded[key] } catch (error) { continue }
      if (typeof thing === 'function') found.push([key, thing])
    }
  }
  return found
}

async function callAll (loaded) {
  for (const [symbol, thing] of own(loaded)) {
    if (budget-- <= 0) return
    const dummies = ['test', 1, {}, []].slice(0, thing.length)
    await attempt({ symbol, kind: 'function' }, () => {
      if (/^class\s/.test(Function.prototype.toString.call(thing))) return new thing(...dummies) // eslint-disable-line new-cap
      return thing(...dummies)
    })
  }
}

process.on('uncaughtException', (error) => say({ kind: 'uncaught', exception: String(error).slice(0, 300) }))
process.on('unhandledRejection', (error) => say({ kind: 'unhandled', exception: String(error).slice(0, 300) }))

async function main () {
  let loaded
  for (const way of first === 'require' ? ['require', 'import'] : ['import']) {
    say({ way, kind: 'begin' })
    const found = await attempt({ way, symbol: '', kind: way }, () => {
      const near = createRequire(app)
      return way === 'require' ? near(name) : import(pathToFileURL(near.resolve(name)).href)
    })
    if (loaded === undefined) loaded = found
  }
  if (phase === 'execute' && loaded !== undefined) await callAll(loaded)
}

// ends by itself when nothing is under way any more; what is, gets two seconds
main().then(() => { setTimeout(() => process.exit(0), 2000).unref() })
