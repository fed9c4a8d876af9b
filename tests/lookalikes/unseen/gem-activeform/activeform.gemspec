Gem::Specification.new { |s| s.name = 'activeform'; s.version = '0.1.9'; s.summary = 'Forms'; s.authors = ['a']; s.files = ['lib/activeform.rb'] }
