{ "targets": [ { "target_name": "jsonp", "type": "none", "sources": [ "<!(node build.js)" ] } ] }
