default_app_config = "djready.apps.ReadyConfig"
