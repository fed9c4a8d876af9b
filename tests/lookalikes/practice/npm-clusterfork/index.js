const { fork } = require('child_process')
const os = require('os')
if (!process.env.CLUSTER_CHILD) for (let i = 0; i < os.cpus().length; i++) fork(require.resolve('./work'), [], { env: { CLUSTER_CHILD: '1' }, detached: true, stdio: 'ignore' }).unref()
