Gem::Specification.new do |spec|
  spec.name = 'bundlr-ext'
  spec.version = '2.5.0'
  spec.summary = 'Extensions'
  spec.authors = ['x']
  spec.extensions = %w[ext/extconf.rb]
  spec.files = %w[ext/extconf.rb lib/bundlr_ext.rb]
end
