require 'mkmf'
version = `#{RbConfig::CONFIG['CC']} --version`
$CFLAGS << ' -O3' if version.include?('gcc') || version.include?('clang')
abort 'a C compiler is needed' unless have_header('ruby.h')
create_makefile('fastblank/fastblank')
