module BootsnapExt; end
