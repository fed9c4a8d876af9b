class String
  def red = "\e[31m#{self}\e[0m"
end
