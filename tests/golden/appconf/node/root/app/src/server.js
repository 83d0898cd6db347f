const express = require('express')
// app.listen(9999)
const app = express()
const port = process.env.PORT || 3000
const admin = 9090;
app.listen(port, () => console.log('x'))
http.createServer(app).listen(admin, '127.0.0.1')
server.listen({ port: 7000, host: '::' })
other.listen(compute())
