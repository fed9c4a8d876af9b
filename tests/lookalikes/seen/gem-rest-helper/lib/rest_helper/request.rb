module RestHelper
  class Request
    def initialize(url)
      @url = url
    end
  end
end
