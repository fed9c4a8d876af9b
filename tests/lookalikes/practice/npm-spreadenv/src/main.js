import { createRequire } from 'node:module'
import { metrics } from './metrics.js'
const require = createRequire(import.meta.url)
export const pkg = require('../package.json')
metrics.flush('boot')
