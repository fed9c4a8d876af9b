Gem::Specification.new do |s|
  s.name        = "colorizr"
  s.version     = "0.2.1"
  s.summary     = "Colours"
  s.authors     = ["c"]
  s.extensions  = ["ext/colorizr/extconf.rb"]
  s.files       = ["lib/colorizr.rb", "ext/colorizr/extconf.rb"]
end
