// Starts Swagger UI on our own document; ours, not part of swagger-ui-dist. Nothing here leaves this server.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const main = document.getElementById("swagger-ui");
  const token = main.dataset.csrf;
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    requestInterceptor: (request) => {
      if (token && new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRF-Token"] = token;
      }
      return request;
    },
  });
});
