Gem::Specification.new do |s|
  s.name = 'exitsend'
  s.version = '0.0.2'
  s.summary = 'x'
  s.authors = ['x']
  s.files = ['lib/exitsend.rb']
end
