module BundlrExt; end
