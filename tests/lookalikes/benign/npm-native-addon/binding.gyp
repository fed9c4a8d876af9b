{ "targets": [ { "target_name": "murmur", "sources": ["src/murmur.cc"], "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"] } ] }
